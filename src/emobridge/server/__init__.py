"""The service: the library behind HTTP. Recordings are decoded, and the model runs, in processes of their own."""
