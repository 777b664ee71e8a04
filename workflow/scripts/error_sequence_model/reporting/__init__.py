"""The pages of the PDF reports, the words on them, and the site browser."""
