-- Codes that were spent on a wrong guess, by whom and on which ticket: for a day, since they lock.
CREATE TABLE burned (
  login TEXT NOT NULL,
  ticket TEXT NOT NULL,
  at INTEGER NOT NULL
);
CREATE INDEX burned_by_login ON burned (login, at);
CREATE INDEX burned_by_time ON burned (at);
