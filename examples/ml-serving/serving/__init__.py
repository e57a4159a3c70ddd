"""What both servers share: the model, the data models, tokens, settings."""
