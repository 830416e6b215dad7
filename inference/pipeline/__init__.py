"""Many images, and images of any size: threads, processes and files."""
