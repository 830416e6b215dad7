"""Faults that change nothing which a test could notice, each with its reason.

The keys are (file, line before, line after), without indent. A line that changes must be judged again.
"""

EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        "images/formats/jpeg.py",
        "factors = [max(factor >> 4, factor & 15) for factor in content[7 : 6 + 3 * content[5] : 3]]",
        "factors = [max(factor >> 4, factor & 15) for factor in content[7 : 7 + 3 * content[5] : 3]]",
    ): "Steps of 3 from 7 never reach 6 + 3 n.",
    (
        "losses/lovasz.py",
        "bits = bits ^ ((bits >> 31) & 0x7FFFFFFF)",
        "bits = bits ^ ((bits >> 32) & 0x7FFFFFFF)",
    ): "torch shifts an int32 to its sign, 0 or -1, by 31 places and by more.",
    (
        "tasks/distance_maps.py",
        "numbers = numbers + 1  # no background: the first object is not the background",
        "numbers = numbers + 2  # no background: the first object is not the background",
    ): "The numbers of objects need not be consecutive.",
    (
        "tasks/truth.py",
        "@abstractmethod",
        "",
    ): "No subclass leaves one of these methods out.",
    (
        "inference/cells/holes.py",
        "self._lowest = np.full(count + 1, np.iinfo(np.int32).max, np.int32)",
        "self._lowest = np.full(count + 2, np.iinfo(np.int32).max, np.int32)",
    ): "The additional place is never used.",
    (
        "inference/files/overlays.py",
        "if thickness > 1:",
        "if thickness >= 1:",
    ): "A dilation by one pixel changes nothing.",
    (
        "inference/pipeline/stages.py",
        "@abstractmethod",
        "",
    ): "No subclass leaves one of these methods out.",
    (
        "images/reading.py",
        "array = cv2.cvtColor(array, cv2.COLOR_BGR2RGB if array.shape[2] == 3 else cv2.COLOR_BGRA2RGB)",
        "array = cv2.cvtColor(array, cv2.COLOR_BGR2RGB if array.shape[2] != 3 else cv2.COLOR_BGRA2RGB)",
    ): "OpenCV drops alpha and exchanges red and blue with both codes, though it documents only these.",
    (
        "images/reading.py",
        "array = cv2.cvtColor(array, cv2.COLOR_BGR2RGB if array.shape[2] == 3 else cv2.COLOR_BGRA2RGB)",
        "array = cv2.cvtColor(array, cv2.COLOR_BGR2RGB if not array.shape[2] == 3 else cv2.COLOR_BGRA2RGB)",
    ): "The same.",
}
