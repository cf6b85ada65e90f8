drop function latchkey.tell_changed_user() cascade;
drop function latchkey.tell_changed_organization() cascade;
drop function latchkey.tell_changed_id() cascade;
