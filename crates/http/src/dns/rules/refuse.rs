//! Why a change of the rules is refused, as clients read it.

use std::error::Error;

use http::StatusCode;
use tidings_dns::client::DirectoryError;
use tidings_dns::list::rulebook::{OWN_RULES_BYTES_MAX, RulebookError};
use tidings_hub::CommitError;
use tidings_hub::settings::SettingsError as KeepError;

use crate::problem::Problem;

/// Something that is not there.
pub(crate) fn not_found(slug: &'static str, text: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, slug).text(text)
}

/// A member with too many bytes.
pub(super) fn too_long(parameter: &str, limit: usize) -> Problem {
    Problem::bad_parameter(parameter, format!("has more than {limit} bytes")).member("limit", limit)
}

/// A disk that refuses.
pub(super) fn not_kept(cause: &(dyn Error + 'static)) -> Problem {
    tracing::error!(cause, "a change of the rules was not kept");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "dns-rules-not-kept").detail(cause)
}

impl From<KeepError> for Problem {
    fn from(error: KeepError) -> Self {
        match &error {
            KeepError::TooLarge { .. } | KeepError::Log(CommitError::Full(_)) => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage-full").detail(&error)
            }
            KeepError::ShuttingDown => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "shutting-down").detail(&error)
            }
            KeepError::EmptyKey | KeepError::Log(_) | KeepError::Busy => not_kept(&error),
        }
    }
}

impl From<RulebookError> for Problem {
    fn from(error: RulebookError) -> Self {
        match &error {
            RulebookError::NoSuchList(_) | RulebookError::BadNumber(_) => {
                not_found("dns-list-not-found", "there is no such list")
            }
            RulebookError::TooLarge => too_long("text", OWN_RULES_BYTES_MAX),
            RulebookError::TooManySets => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "dns-too-many-sets").detail(&error)
            }
            RulebookError::Clients(unfit) => {
                let (status, parameter) = match unfit {
                    DirectoryError::NoSuchGroup { .. } => (StatusCode::BAD_REQUEST, "group"),
                    DirectoryError::GroupTwice(_) | DirectoryError::ClientTwice(_) => {
                        (StatusCode::CONFLICT, "name")
                    }
                    DirectoryError::SelectorTwice(..) => (StatusCode::CONFLICT, "addresses"),
                    DirectoryError::TooMany => (StatusCode::INSUFFICIENT_STORAGE, "name"),
                };
                Self::new(status, "dns-client-invalid")
                    .text(unfit.to_string())
                    .member("parameter", parameter)
            }
            RulebookError::Refresh(_) | RulebookError::Store(_) => not_kept(&error),
        }
    }
}
