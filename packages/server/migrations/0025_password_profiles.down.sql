alter table latchkey.passwords drop column profile;
