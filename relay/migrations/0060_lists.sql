-- What auditors ask for: who did something with one recording, and the recordings of a ticket or of
-- a person.
CREATE INDEX accesses_by_session ON accesses (session, number);
CREATE INDEX sessions_by_ticket ON sessions (ticket, opened_at);
CREATE INDEX sessions_by_technician ON sessions (technician, opened_at);
