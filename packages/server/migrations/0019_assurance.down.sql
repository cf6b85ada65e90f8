alter table latchkey.devices drop column user_agent, drop column ip_address, drop column trusted_until;
alter table latchkey.roles drop column requires_mfa;
alter table latchkey.users drop column mfa_required;
alter table latchkey.attempts
  drop column version, drop column purpose, drop column session_id, drop column demand, drop column held_form,
  drop column program_seconds, drop column browser_hash;
drop trigger tell_update on latchkey.sessions;
create trigger tell_update after update of ended_at, token_hash, organization_id, authenticated_at, expires_at, idle_seconds, amr, limited_to
  on latchkey.sessions for each row
  when (pg_trigger_depth() = 0 and
    (old.ended_at, old.token_hash, old.organization_id, old.authenticated_at, old.expires_at, old.idle_seconds, old.amr, old.limited_to)
    is distinct from
    (new.ended_at, new.token_hash, new.organization_id, new.authenticated_at, new.expires_at, new.idle_seconds, new.amr, new.limited_to))
  execute function latchkey.tell_changed_user();
alter table latchkey.sessions drop column acr, drop column proofs;
drop table latchkey.factors;
