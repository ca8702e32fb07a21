import HtmlWebpackPlugin from 'html-webpack-plugin'

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>webpack</title>
    <link rel="icon" href="data:," />
  </head>
  <body></body>
</html>
`

export default {
  entry: './src/main.js',
  plugins: [new HtmlWebpackPlugin({ templateContent: page, scriptLoading: 'module' })],
  performance: { hints: false },
}
