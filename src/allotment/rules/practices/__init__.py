"""The pages of practices and mistakes, one each. The folder is walked; there is no list to add a page to."""
