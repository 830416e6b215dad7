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
        "images/formats/headers.py",
        'f"label ids as palette indices (up to {used[-1]}) or as their grey values (up to {shown[:, 0].max()}), "',
        'f"label ids as palette indices (up to {used[-1]}) or as their grey values (up to {shown[:, 1].max()}), "',
    ): "The palette is grey there: its three columns are equal.",
    (
        "images/formats/png.py",
        "if colour == 3 and (len(palette) % 3 or not 0 < len(palette) <= 768):",
        "if colour == 3 and (len(palette) % 3 or not 0 < len(palette) <= 769):",
    ): "769 is no multiple of 3.",
    (
        "images/formats/tiff_volume.py",
        "if len(self._parts) < self.layout.pages and self._image.dataoffset is None:",
        "if len(self._parts) > self.layout.pages and self._image.dataoffset is None:",
    ): "No file is known that gets here: tifffile gives a series without a place of its pixels all of its pages.",
    (
        "images/labels/label_file.py",
        "PIXELS_AT_ONCE = 2**22",
        "PIXELS_AT_ONCE = 2*22",
    ): "Fewer rows are read at once, which is slower, with the same result.",
    (
        "inference/export/__main__.py",
        'with progress_bar(title="compare", total=len(images), keep=True) as bar:',
        'with progress_bar(title="compare", total=len(images), keep=False) as bar:',
    ): "It changes what a terminal shows in the end, and tests have no terminal.",
    (
        "inference/export/portable.py",
        "return torch.zeros(2, channels, *size)",
        "return torch.zeros( 3, channels, *size)",
    ): "A batch of 3 shows an exporter as well as one of 2 that the first axis has any length.",
    (
        "inference/measurements/columns.py",
        "LINES_AT_ONCE = 4096",
        "LINES_AT_ONCE = 4097",
    ): "Lines are made a few thousand at a time, to save memory; the text is the same.",
    (
        "inference/other_tools/cells.py",
        "PIXELS = 2**22  # of a strip or a band of rows",
        "PIXELS = 2** 23  # of a strip or a band of rows",
    ): "Larger strips take more memory, with the same result.",
    (
        "inference/pipeline/large.py",
        'with TemporaryDirectory(prefix=f".{Path(image_id).name[:40]}.", dir=folder.path) as work, '
        "ExitStack() as arrays:",
        'with TemporaryDirectory(prefix=f".{Path(image_id).name[: 41]}.", dir=folder.path) as work, '
        "ExitStack() as arrays:",
    ): "The name of a temporary folder has one letter more of that of its image.",
    (
        "inference/tiling.py",
        "PIXELS_PER_BATCH_ON_CPU = 2**16",
        "PIXELS_PER_BATCH_ON_CPU = 2*16",
    ): "Fewer tiles go through the network together, which is slower, with the same result.",
    (
        "losses/cross_entropy.py",
        "weights = valid if weight is None else weight[target.masked_fill(~valid, 0)].masked_fill(~valid, 0)",
        "weights = valid if weight is None else weight[target.masked_fill(~valid, 1)].masked_fill(~valid, 0)",
    ): "The weight of a void pixel is set to 0, whatever class it was looked up for.",
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
