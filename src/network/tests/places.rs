//! Maps that have places, and maps that have none.
