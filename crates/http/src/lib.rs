//! Everything HTTP of Tidings: routers, extractors, event streams, problem+json, OpenAPI.
