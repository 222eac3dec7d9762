//! What the user does reaches whoever runs the sessions: wishes go straight to the session of the
//! moment, from whichever thread they come, so that Stop waits neither for the window nor for a
//! queue; the rest is an order for the thread that starts sessions.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::front::Front;
use super::model::{Line, Order, Press};
use crate::wish::{Wish, Wisher};

/// Orders that may wait: the user presses one and looks what happens.
const MAX_ORDERS: usize = 8;

/// Where the user's presses go. A clone is the same.
#[derive(Debug, Clone)]
pub struct Helm {
    front: Front,
    wisher: Arc<Mutex<Option<Wisher>>>,
    orders: mpsc::Sender<Order>,
}

impl Helm {
    /// And where its orders arrive.
    #[must_use]
    pub fn new(front: Front) -> (Self, mpsc::Receiver<Order>) {
        let (orders, receiver) = mpsc::channel(MAX_ORDERS);
        (Self { front, wisher: Arc::default(), orders }, receiver)
    }

    /// What the window shows.
    #[must_use]
    pub const fn front(&self) -> &Front {
        &self.front
    }

    /// From here on wishes are for this session; without one there is nobody to heed them.
    pub fn steer(&self, wisher: Option<Wisher>) {
        *self.wisher.lock().unwrap_or_else(PoisonError::into_inner) = wisher;
    }

    /// The user does something.
    pub fn press(&self, press: Press) {
        match self.front.press(press) {
            Some(Order::Wish(wish)) => self.wish(wish),
            Some(order) => self.order(order),
            None => {}
        }
    }

    fn order(&self, order: Order) {
        if self.orders.try_send(order).is_err() {
            tracing::debug!("the program is about to end already");
        }
    }

    fn wish(&self, wish: Wish) {
        let wisher = self.wisher.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(wisher) = wisher else {
            // No session yet, or none any more: then Stop means the program.
            if wish == Wish::Stop {
                self.order(Order::Close);
            }
            return;
        };
        if let Err(crowded) = wisher.wish(wish) {
            self.front.change(|model, _| model.note(Line::Notice(crowded.to_string())));
        }
    }
}
