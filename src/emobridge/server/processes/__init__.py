"""The processes of the service: sandboxed decoders, the model, and the messages between them."""
