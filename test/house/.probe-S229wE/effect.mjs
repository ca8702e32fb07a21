setInterval(() => {}, 1000).unref()
setTimeout(() => {}, 2000)
