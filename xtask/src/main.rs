//! Runs the tasks of this repository.

fn main() {}
