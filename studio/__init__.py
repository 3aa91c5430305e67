"""The web app: draws and calls, nothing else. It loads no trainer and knows no SQL."""
