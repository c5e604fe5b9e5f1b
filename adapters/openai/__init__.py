"""Azure OpenAI: the Batch API and live calls. The only use of `openai`."""
