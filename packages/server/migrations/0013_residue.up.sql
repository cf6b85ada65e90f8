-- expand 0.1
-- What deleting an account searches for in the audit log: events about others that the user caused, and identifiers
-- that were typed where no account had them.
create index audit_events_by on latchkey.audit_events ((details ->> 'by')) where details ? 'by';
create index audit_events_typed on latchkey.audit_events (lower(btrim(details ->> 'identifier')))
  where user_id is null and details ? 'identifier';
