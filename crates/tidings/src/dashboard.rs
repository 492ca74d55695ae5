//! The dashboard that the build script listed.

use tidings_http::dashboard::Dashboard;

/// Returns the dashboard of this binary.
pub(crate) fn built_in() -> Dashboard {
    include!(concat!(env!("OUT_DIR"), "/dashboard.rs"))
}
