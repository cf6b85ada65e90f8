-- contract 0.1, unused since 0.0
-- how a member joined is known after the connection was deleted too: the id of the connection stays
alter table latchkey.memberships drop constraint memberships_joined_by_fkey;
drop index latchkey.memberships_joined_by;

-- the operator answers for what the connection gives, and made_by is null; false with it: the account was deleted
alter table latchkey.connections add column by_operator boolean not null default false;
grant select (by_operator) on latchkey.connections to latchkey_request;

-- callers are granted nothing of them, so these never applied
drop policy reads on latchkey.sso_bypasses;
drop policy reads on latchkey.removed_members;

-- open sessions by connections, in the order in which a job ends those of one
create index sessions_federated on latchkey.sessions (id)
  where ended_at is null and proofs @> '[{"method": "federation"}]';

-- the connection by which tokens that are not kept any more came, until they are revoked there; it may be deleted
alter table latchkey.identities add column tokens_from text;
create index identities_tokens_from on latchkey.identities (tokens_from, id) where tokens_from is not null;
