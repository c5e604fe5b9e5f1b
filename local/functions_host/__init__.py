"""An embedded Azure Functions host for one Python app with Durable Functions."""
