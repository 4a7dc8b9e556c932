import fc from 'fast-check'

const esc = '\u001b'
const parts = [
  [esc, `${esc}[`, `${esc}]`, `${esc}P`, `${esc}\\`, '\u0007', '\u009b', '\u009c', '\u009d', '\u0090'],
  ['\r', '\n', '\r\n', '\b', '\t', '\u0000', '\u007f', '\u0085', '\u2028', '\u202e', '\u2066', '\ufeff'],
  ['31m', '2J', '0;title', '8;;https://evil.example/', '?1049h', '\ud83d', '\ude00', '😀', '\uffff'],
  ["'", '"', '`', '```', '~~~', '$(id)', ';', '&&', '\\', ' ', '%s', '-', '--', '=', '!', '*', '**', '_'],
  ['# ', '- ', '1. ', '> ', '[a](https://evil.example)', '![a](x)', '<img src=x>', '&lt;', '|', '---'],
  ['https://u:p@h/', 'www.evil.example', 'a', 'kernel 6.1.0', 'x'.repeat(70)],
].flat()

/** Text as an enemy writes it: sequences, quotes and markup, whole and cut, and anything else. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.array(fc.constantFrom(...parts), { maxLength: 12 }).map((chosen) => chosen.join('')),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
    .map((codes) => String.fromCharCode(...codes)),
)

/** What may be in no text of ours: controls but tab and line feed, controls of direction, noncharacters. */
export const notText = /[^\P{Cc}\t\n]|[\u2028-\u202e\u2066-\u2069\ufdd0-\ufdef\ufeff\ufffe\uffff]/u
