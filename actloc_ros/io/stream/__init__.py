"""Live streams as a source: addresses, clocks, frames."""
