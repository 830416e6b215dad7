"""Importer of COCO's annotations."""
