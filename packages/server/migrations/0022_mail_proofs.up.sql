-- expand 0.1
-- Signing in by e-mail: links and codes, each for the sign-in under way that asked for it.
alter table latchkey.links add column attempt_id text references latchkey.attempts on delete cascade;
create index links_attempt on latchkey.links (attempt_id) where attempt_id is not null;

-- The code of an attempt. The row is written with the request, for every address alike; a code that was not sent matches
-- nothing.
create table latchkey.email_codes (
  attempt_id text primary key references latchkey.attempts on delete cascade,
  -- whom it was sent to
  user_id text references latchkey.users on delete cascade,
  address_key text not null,
  code_hash bytea,
  guesses int not null default 0,
  -- when e-mails with a code were sent, which limits their rate
  sent_at timestamptz[] not null default '{}',
  created_at timestamptz not null
);
create index email_codes_user on latchkey.email_codes (user_id) where user_id is not null;

alter table latchkey.email_codes enable row level security;
alter table latchkey.email_codes force row level security;
create policy system on latchkey.email_codes to latchkey_system using (true) with check (true);
