"""Results as pictures: one page that needs nothing but a browser, and one figure."""
