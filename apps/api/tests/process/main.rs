//! Ward as it is deployed: the built program as a process of its own, on a private PostgreSQL, spoken to over HTTP and killed.

mod client;
mod kill;
mod load;
mod needles;
mod planted;
mod postgres;
mod ward;
