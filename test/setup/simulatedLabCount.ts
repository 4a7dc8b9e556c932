/** So many labs with simulated nodes there are; as many files use them at the same time. */
export const simulatedLabCount = 3
