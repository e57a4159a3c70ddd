-- Each connection thinks for 4 to 20 ms before its next request.
math.randomseed(os.time())
function delay()
  return math.random(4, 20)
end
