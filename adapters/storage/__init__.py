"""Azure Blob Storage and ADLS Gen2. The only use of `azure.storage`."""
