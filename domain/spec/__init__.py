"""The job spec: what people write in `_batch.yaml`, and the requests that it makes of rows."""
