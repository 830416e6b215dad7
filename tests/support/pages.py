"""Reads a page as text, and finds what a page must not hold."""

import re
from html.parser import HTMLParser

VOID_TAGS = {"meta", "img", "input", "br", "hr", "link"}


class Page(HTMLParser):
    """Reads a page: its tags with their attributes, and its text. A tag that is not closed fails."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self._open = [], [], []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID_TAGS:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def faults_of(text):
    """What a page must not hold, one line each."""
    page, faults = Page(text), []
    for tag, attributes in page.tags:
        faults += [f"<{tag}> is not ours"] * (tag in ("iframe", "object", "embed", "link", "base", "video", "audio"))
        faults += [f"<{tag} {name}>" for name in attributes if name.startswith("on")]
        for name in ("src", "href", "action", "srcset", "poster", "data", "xlink:href"):
            address = attributes.get(name, "#")
            if not address.startswith(("#", "data:image/jpeg;base64,")):
                faults.append(f"<{tag} {name}={address[:40]}>")
        faults += ["a style with an address"] * ("url(" in attributes.get("style", ""))
    if len([tag for tag, _ in page.tags if tag == "script"]) != 1:
        faults.append("there is not one script")
    policies = [a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    if [policy.split(";")[0] for policy in policies] != ["default-src 'none'"]:
        faults.append("no policy")
    markup = re.sub(r">[^<]*<", "><", re.sub(r"<(script|style)>.*?</\1>", "", text, flags=re.DOTALL))
    without_titles = re.sub(r'(alt|title|aria-label)="[^"]*"', "", markup)
    faults += [f"an address: {found}" for found in re.findall(r"https?://[^\s\"<]*", without_titles)]
    return faults
