-- What an architecture is, for people; arch is its ID. Rows get it when they are derived
-- anew: that is when the objectives that they tell are none of this version's.
ALTER TABLE measurement ADD COLUMN name TEXT NOT NULL DEFAULT '';
UPDATE journal SET objectives = '[]';
