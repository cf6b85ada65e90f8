-- expand 0.1
-- Rate limits of sensitive operations, counted over all nodes where there is no Redis. Unlogged: the rows are written often,
-- and what a crash of the database loses is the requests of the last minutes.
create unlogged table latchkey.limit_windows (
  key bytea primary key,
  entries jsonb not null,
  over timestamptz not null
);
create index limit_windows_over on latchkey.limit_windows (over);
alter table latchkey.limit_windows enable row level security;
alter table latchkey.limit_windows force row level security;
create policy system on latchkey.limit_windows to latchkey_system using (true) with check (true);

-- Wrong second factors have a counter that only a right one clears: each lock-out lasts twice as long as the one before
-- (`level`), and after a number of consecutive failures (`total`) codes are refused.
alter table latchkey.failures
  add column level int not null default 0,
  add column total int not null default 0;

-- A link ends a lock-out, and another one disowns a sign-in from a new device. `not valid`: every row meets the narrower
-- check that it replaces.
alter table latchkey.links drop constraint if exists links_purpose_check;
alter table latchkey.links add constraint links_purpose_check
  check (purpose in ('verify_email', 'reset_password', 'setup', 'change_email', 'undo_email',
    'magic_link', 'unlock', 'not_me')) not valid;
