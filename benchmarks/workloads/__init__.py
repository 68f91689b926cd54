"""What is measured: models with their sizes, data and FLOPs; jaxdl's rows; which rows there are."""
