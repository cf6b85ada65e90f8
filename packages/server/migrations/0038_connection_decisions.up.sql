-- expand 0.1
-- A sign-in may wait for a decision of its user, which is an event too: `question` is what the user decides (null: nothing), and
-- `trip_id` is the round trip that a question and the decision about it have in common. `request_id` is the reference on the page
-- about a sign-in that failed. No index: a connection has some dozens of events, which the one by connection finds.
alter table latchkey.connection_events
  add column request_id text,
  add column question text,
  add column trip_id text;
