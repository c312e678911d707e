//! `cargo run -p ward --example clinic`: the service on a PostgreSQL that is thrown away.

mod service;
mod world;

use std::error::Error;

use tokio::net::TcpListener;
use world::World;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let World { app, db } = World::create().await?;
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!(
        "curl -H 'x-session: lakeside-nurse' -H 'content-type: application/json' \\\n    \
         -d '{{\"room\": \"4\", \"patient\": {{\"given_name\": \"Ada\"}}}}' http://127.0.0.1:3000/visits\n\
         curl -H 'x-session: lakeside-nurse' http://127.0.0.1:3000/visits\n\
         curl -H 'x-session: harbour-nurse' http://127.0.0.1:3000/visits"
    );
    axum::serve(listener, app).await?;
    drop(db);
    Ok(())
}
