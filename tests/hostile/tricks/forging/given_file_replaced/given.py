GIVEN = "mine"
