drop index latchkey.audit_events_by;
drop index latchkey.audit_events_typed;
