//! `/keys/rotate` and `/keys/rotations`

mod side_by_side;
mod view;
mod why;
pub(crate) mod work;

use std::sync::Arc;

use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use uuid::Uuid;
use ward::audit::{Event, Events};
use ward::kernel::{Action, Operation, RotationId};
use ward::{
    LIST_ROTATIONS, PAUSE_ROTATION, RESUME_ROTATION, ROTATE_KEYS, ROTATED, ROTATION_PAUSED,
    ROTATION_REQUESTED, ROTATION_RESUMED, RotationState, SHOW_ROTATION,
};

use crate::app::App;
use crate::auth::Caller;
use crate::http::body::Body;
use crate::http::given::{Cursor, Given, Limit};
use crate::http::page::Page;
use crate::http::problem::Refused;
use crate::http::reply::{Created, Listed, Shown};
use crate::tag::Tag;
use view::{RotationList, RotationView, RotationsUnderWay, WhichKeys};

pub(crate) struct Api(pub(crate) Arc<App>);

#[OpenApi(prefix_path = "/v1", tag = "Tag::Keys")]
impl Api {
    /// Have other keys follow the tenant's
    ///
    /// Nothing stops meanwhile. A next version of each key serves for what is new once every replica has it, after a minute and within two; a person's key is
    /// followed at once. What is under older versions is moved in the background, and an older version is destroyed once nothing needs it.
    /// Of a kind of key that is being rotated already, that rotation is answered and no other begins.
    #[oai(path = "/keys/rotate", method = "post", operation_id = "rotateKeys")]
    async fn rotate(
        &self,
        caller: Caller,
        body: Body<WhichKeys>,
    ) -> Result<Created<RotationsUnderWay>, Refused> {
        let mut act = self.0.begin(&caller, &ROTATE_KEYS, &body.digest).await?;

        let purposes = body.value.purposes()?.unwrap_or(ROTATED.to_vec());
        let (begun, events) = work::begin(&self.0, &mut *act, &purposes).await?;
        let items = begun.into_iter().map(RotationView::from).collect();

        let asked = Event::of(&ROTATE_KEYS, ROTATION_REQUESTED, act.writer().tenant());
        let events = events.into_iter().fold(Events::from(asked), Events::and);
        act.commit(events, Created(RotationsUnderWay { items })).await
    }

    /// List rotations of keys
    ///
    /// With how far they are, the newest first.
    #[oai(path = "/keys/rotations", method = "get", operation_id = "listRotations")]
    async fn list(
        &self,
        caller: Caller,
        request: &Request,
        /// How many, 1 to 200.
        limit: Query<Option<Given<Limit>>>,
        /// The `next_cursor` of an earlier page.
        cursor: Query<Option<Given<Cursor>>>,
    ) -> Result<Listed<RotationList>, Refused> {
        let page = Page::new(limit.0, cursor.0);

        let mut reading = self.0.read(&caller, &LIST_ROTATIONS).await?;
        let mut found = reading.rotations(page.after.map(Into::into), page.fetch()).await?;

        let next_cursor = page.cut(&mut found, |rotation| rotation.id.into());
        let next = next_cursor.as_deref().map(|cursor| page.next(request, cursor));
        let items = found.into_iter().map(RotationView::from).collect();
        Ok(Listed { page: RotationList { items, next_cursor }, next })
    }

    /// Show a rotation of keys
    #[oai(path = "/keys/rotations/:id", method = "get", operation_id = "showRotation")]
    async fn show(&self, caller: Caller, id: Path<Uuid>) -> Result<Shown<RotationView>, Refused> {
        let id = RotationId::from(id.0);
        let mut reading = self.0.read(&caller, &SHOW_ROTATION).await?;

        match reading.rotation(id).await? {
            Some(rotation) => Ok(Shown(rotation.into())),
            None => Err(self.0.absent(reading.absent(id)).await),
        }
    }

    /// Pause a rotation of keys
    ///
    /// It stops after the batch that is under way, and everything stays readable for however long it rests; paused again, it rests as before.
    /// The rotation of a key that sealed as many messages as one should (2³¹, of AES-256-GCM) is not paused but answered with 409 `key-worn`,
    /// and one that was paused before goes on by itself within an hour.
    #[oai(path = "/keys/rotations/:id/pause", method = "post", operation_id = "pauseRotation")]
    async fn pause(&self, caller: Caller, id: Path<Uuid>) -> Result<Shown<RotationView>, Refused> {
        self.turn(&caller, id.0.into(), RotationState::Paused, (&PAUSE_ROTATION, ROTATION_PAUSED)).await
    }

    /// Resume a rotation of keys
    ///
    /// It goes on where it stopped; one that is at work stays so.
    #[oai(path = "/keys/rotations/:id/resume", method = "post", operation_id = "resumeRotation")]
    async fn resume(&self, caller: Caller, id: Path<Uuid>) -> Result<Shown<RotationView>, Refused> {
        self.turn(&caller, id.0.into(), RotationState::Running, (&RESUME_ROTATION, ROTATION_RESUMED)).await
    }

    async fn turn(
        &self,
        caller: &Caller,
        id: RotationId,
        to: RotationState,
        (operation, action): (&'static Operation, Action),
    ) -> Result<Shown<RotationView>, Refused> {
        let mut act = self.0.begin(caller, operation, &[0; 32]).await?;
        let Some(mut rotation) = act.hold_rotation(id).await? else {
            return Err(self.0.absent(act.absent(id)).await);
        };
        if rotation.state == RotationState::Ended {
            return Err(Refused::conflict("ended", "the rotation has ended"));
        }
        if to == RotationState::Paused && act.worn_rotations().await?.iter().any(|worn| worn.id == id) {
            return Err(Refused::conflict(
                "key-worn",
                "the key sealed as many messages as one should: until another follows it, its rotation can't be paused",
            ));
        }
        if rotation.state == to {
            return Ok(Shown(rotation.into()));
        }
        rotation.state = to;
        match to {
            RotationState::Running => work::resume(&self.0, &mut *act, &rotation).await?,
            _ => act.replace_rotation(&rotation).await?,
        }

        let event = Event::of(operation, action, id).noting("key", rotation.purpose.as_str());
        act.commit(event.noting("rows", rotation.done), Shown(rotation.into())).await
    }
}
