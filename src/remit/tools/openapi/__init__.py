"""Operations of an HTTP API as tools, by its description (OpenAPI 3.0 and 3.1)."""
