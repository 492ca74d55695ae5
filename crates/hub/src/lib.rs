//! Channels, publications, delivery, subscriptions and limits of the Tidings hub.
