drop table latchkey.email_codes;
delete from latchkey.links where purpose = 'magic_link';
alter table latchkey.links drop column attempt_id;
