-- expand 0.1
-- Passkeys: the public keys of WebAuthn credentials. Each is a factor (0019), which has its owner, name and times.
create table latchkey.passkey_credentials (
  factor_id text primary key references latchkey.factors on delete cascade,
  user_id text not null references latchkey.users on delete cascade,
  credential_id bytea not null unique,
  -- COSE_Key
  public_key bytea not null,
  algorithm int not null,
  counter bigint not null,
  transports text[] not null,
  device_type text not null check (device_type in ('singleDevice', 'multiDevice')),
  backed_up boolean not null,
  user_verified boolean not null,
  -- the model of the authenticator, where it is stated
  aaguid text,
  rp_id text not null,
  origin text not null,
  -- its counter went backwards: there seems to be a copy, and it is refused
  flagged_at timestamptz
);
create index passkey_credentials_user on latchkey.passkey_credentials (user_id);

-- The user handle of WebAuthn: random, because authenticators show and store it, and the same for all passkeys of a user.
create table latchkey.passkey_handles (
  user_id text primary key references latchkey.users on delete cascade,
  handle bytea not null unique
);

-- Challenges that were used, until they expire.
create table latchkey.used_challenges (
  hash bytea primary key,
  expires_at timestamptz not null
);
create index used_challenges_expires on latchkey.used_challenges (expires_at);

-- Only the server itself reads them: no request, whichever its rights, reads a key or the counter of another.
alter table latchkey.passkey_credentials enable row level security;
alter table latchkey.passkey_credentials force row level security;
create policy system on latchkey.passkey_credentials to latchkey_system using (true) with check (true);
alter table latchkey.passkey_handles enable row level security;
alter table latchkey.passkey_handles force row level security;
create policy system on latchkey.passkey_handles to latchkey_system using (true) with check (true);
alter table latchkey.used_challenges enable row level security;
alter table latchkey.used_challenges force row level security;
create policy system on latchkey.used_challenges to latchkey_system using (true) with check (true);
