-- expand 0.1
-- What apps sign to prove something, which may be used once: assertions (RFC 7523 §3) and proofs of keys (RFC 9449 §11.1), by the
-- digests of their ids. Unlogged: each is written by the request that uses it, and after minutes its time refuses it; what a crash
-- of the database loses is that memory.
create unlogged table latchkey.used_proofs (
  hash bytea primary key,
  expires_at timestamptz not null
);
create index used_proofs_expiry on latchkey.used_proofs (expires_at);
alter table latchkey.used_proofs enable row level security;
alter table latchkey.used_proofs force row level security;
create policy system on latchkey.used_proofs to latchkey_system using (true) with check (true);
