"""The pages of docs/reference/, one module a page; `scripts/make_reference` writes them."""
