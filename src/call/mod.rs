//! One call: a conductor that joins dialog, media, hearing and navigation, and its driver.
