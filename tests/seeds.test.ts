/** Every line that the five documents print, replayed; tests/seeds/document.ts says how a line is accounted for. */
import './seeds/citizen-ai.ts'
import './seeds/flarchitect.ts'
import './seeds/gatehouse.ts'
import './seeds/get-community.ts'
import './seeds/open-sesame.ts'
