-- expand 0.1
create table latchkey.api_keys (
  id text primary key,
  user_id text not null references latchkey.users on delete cascade,
  organization_id text,
  name text not null,
  description text,
  environment text not null check (environment in ('live', 'test')),
  -- what a person recognises it by: product, environment and the first characters
  hint text not null,
  token_hash bytea not null unique,
  -- permissions, never beyond the maker's; null: whatever the maker may do
  scopes text[],
  created_at timestamptz not null,
  expires_at timestamptz,
  last_used_at timestamptz,
  -- made in place of this one
  rotated_from text unique,
  -- when another was made in its place; it may go on until expires_at
  rotated_at timestamptz,
  revoked_at timestamptz
);
create index api_keys_user on latchkey.api_keys (user_id, created_at desc);
create index api_keys_ended on latchkey.api_keys (coalesce(revoked_at, expires_at));

alter table latchkey.api_keys enable row level security;
alter table latchkey.api_keys force row level security;
create policy system on latchkey.api_keys to latchkey_system using (true) with check (true);
create policy own on latchkey.api_keys to latchkey_request
  using (user_id = (select latchkey.user_id())) with check (user_id = (select latchkey.user_id()));
grant select, insert on latchkey.api_keys to latchkey_request;
-- what a key may do is decided when it is made
grant update (name, description, revoked_at, rotated_at, expires_at) on latchkey.api_keys to latchkey_request;
