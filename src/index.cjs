// The library for CommonJS: the class itself, with all else that the library exports as its properties. So both
// `const { Relay } = require('baton-relay')` and the shape that the Impossible Writer relay has,
// `const ImpossibleWriterRelay = require('baton-relay')`, work. The code is that of the ES modules, loaded once.
const library = require('./index.js')

module.exports = Object.assign(library.Relay, library)
