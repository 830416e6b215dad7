"""Statistics of images: what a training notes of its images, and what a prediction compares with them."""
