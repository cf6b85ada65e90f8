-- expand 0.1
-- The secrets of authenticator apps, sealed under LATCHKEY_SECRET: a code is computed from them, so that they cannot be
-- hashed. No request may read them; an answer shows one once, when it is made.
create table latchkey.totp_secrets (
  factor_id text primary key references latchkey.factors on delete cascade,
  user_id text not null references latchkey.users on delete cascade,
  secret text not null,
  algorithm text not null default 'SHA1' check (algorithm in ('SHA1', 'SHA256', 'SHA512')),
  digits int not null default 6 check (digits in (6, 8)),
  period int not null default 30 check (period between 15 and 120),
  -- RFC 6238 §5.2: a code is accepted once, and none of an earlier step after it
  last_step int
);
create index totp_secrets_user on latchkey.totp_secrets (user_id);

-- Backup codes. Those that were made together with an authenticator belong to its factor until it is confirmed, and then
-- to the factor of the user's set.
create table latchkey.backup_codes (
  factor_id text not null references latchkey.factors on delete cascade,
  hash bytea not null,
  -- the same in the whole set, so that a guess costs one hash
  salt bytea not null,
  used_at timestamptz,
  primary key (factor_id, hash)
);

alter table latchkey.totp_secrets enable row level security;
alter table latchkey.totp_secrets force row level security;
create policy system on latchkey.totp_secrets to latchkey_system using (true) with check (true);
alter table latchkey.backup_codes enable row level security;
alter table latchkey.backup_codes force row level security;
create policy system on latchkey.backup_codes to latchkey_system using (true) with check (true);
